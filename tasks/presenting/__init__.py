"""What people see of a run: words, figures, galleries, the page, the terminal."""
