"""What an MP4 says about itself, and short MP4s made to order. Rests on PyAV (FFmpeg)."""
