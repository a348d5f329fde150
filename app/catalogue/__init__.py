"""Read and check `resources/`: our fields, code tables and regions; build a form, check values, fill a payload."""
