"""Work on a Ray cluster: the only room that imports Ray, and only in a process of its own."""
