"""What goes over the wire: bodies that are taken, and answers that are given. Exactly the fields of API section 1."""
