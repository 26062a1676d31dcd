"""Downloads: from the answer to a request to the bytes in the socket, and their line in the export log."""
