"""The programs and libraries that read ZIPs, and what they read."""

from tests.support.zip_readers import java_classes, reader, writer, zipdetails
from tests.support.zip_variants import archive, edge, many, mixed, variant

__all__ = ["archive", "edge", "java_classes", "many", "mixed", "reader", "variant", "writer", "zipdetails"]
