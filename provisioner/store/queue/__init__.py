"""The queue by which workers on PostgreSQL share the operations of a run."""
