"""Downloads: responses with ranges, sending of bytes to the socket, and the lines of the export log."""
