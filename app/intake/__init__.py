"""Images and reports come in here: read DICOM, receive, watch folders, assemble studies.

The only door to `pydicom` (besides the practice platforms). Nothing in this room ever rewrites a file that came in.
"""
