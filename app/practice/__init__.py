"""The practice platforms (演练平台): a second, independent reading of the documents. Imports nothing of ours."""
