"""What a platform asks of the clinic: the files that it fetches by address."""
