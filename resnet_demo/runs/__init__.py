"""What is on disk: a run's settings, events, files, and the folder that holds runs. No module here imports torch."""
