"""影像云上传助手: see README.md, "How it is built"."""
