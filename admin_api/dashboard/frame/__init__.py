"""What all pages share: what a request is, who may see what, templates, style and script."""
