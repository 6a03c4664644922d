"""Patches of third-party packages, made once they are there.

Nothing of ours imports a package that brings a pytest plugin: pytest rewrites the assertions of such a
package when it imports it first, and warns (which may be an error) when somebody else did.
"""

import sys


def patch():
    """Patch what has been imported since the last call; cheap when nothing has."""
