"""The wires themselves: HTTP out, DICOM in and out, files offered to a platform; the door to the network libraries.

Nothing here knows a platform, a study or a job; foreign exceptions become `app.errors` here, once.
"""
