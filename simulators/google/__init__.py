"""A simulator of Google OAuth 2.0 and Google Calendar v3."""

from .server import GoogleSimulator

__all__ = ["GoogleSimulator"]
