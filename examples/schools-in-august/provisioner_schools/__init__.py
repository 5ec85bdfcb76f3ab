"""New passwords for schools in August, before the heads of the new school year take over."""
