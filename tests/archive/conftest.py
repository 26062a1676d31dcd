"""The programs and libraries that read ZIPs."""

from tests.support.zip_readers import java_classes, reader, writer, zipdetails

__all__ = ["java_classes", "reader", "writer", "zipdetails"]
