"""Reading, remuxing and making videos with PyAV (FFmpeg): properties, thumbnails, times in names."""
