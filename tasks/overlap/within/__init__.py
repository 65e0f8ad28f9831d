"""Similar images inside one set: their groups, and which of each group stays."""
