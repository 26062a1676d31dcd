"""From a session of the lab to its archive: inventory, plan, documents, entity, file."""
