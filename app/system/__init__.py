"""The machine under the agent: folders, log, key ring, lock, start with the machine, clock, disk.

Knows nothing of exams or platforms.
"""
