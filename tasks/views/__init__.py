"""Views: how images are compared. One file each, and one record with all that other modules need of a view."""

from tasks.views.ink import INK
from tasks.views.photo import PHOTO
from tasks.views.view import View
from tasks.vocabulary import ViewName

VIEWS: dict[ViewName, View] = {view.name: view for view in (INK, PHOTO)}

__all__ = ["VIEWS", "View"]
