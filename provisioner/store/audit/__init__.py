"""The audit log: a chain of hashes, its reader and its verification."""
