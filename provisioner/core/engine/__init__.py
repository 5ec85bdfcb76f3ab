"""Plans and carries out operations."""
