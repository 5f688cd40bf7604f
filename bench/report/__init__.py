"""What a run found, as figures, sentences, a page and a picture."""
