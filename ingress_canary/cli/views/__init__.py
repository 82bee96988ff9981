"""Views of commands: the text of ``status``, the screen and the journal of ``demo``.

Pure functions and small classes, called by ``cli/commands``.
"""
