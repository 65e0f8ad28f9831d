"""Views: how images are compared. One file each, and one record with all that other modules need of a view."""

from tasks.registration.ink import INK
from tasks.registration.photo import PHOTO
from tasks.registration.view import View
from tasks.vocabulary import ViewName

VIEWS: dict[ViewName, View] = {view.name: view for view in (INK, PHOTO)}
