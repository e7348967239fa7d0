"""Streams for programs that import `scramjet.streams` and bring no such package."""
