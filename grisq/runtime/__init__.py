"""What any program needs: errors, files, devices, processes, seeds, provenance.

Nothing here knows about this project's subject.
"""
