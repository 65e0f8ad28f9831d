"""The presentation of a run: sentences, figures, galleries, the page, the terminal."""
