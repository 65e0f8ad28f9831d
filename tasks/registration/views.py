"""Views: how images are compared. Each has its own file, and one record for other modules."""

from tasks.registration.ink import INK
from tasks.registration.photo import PHOTO
from tasks.registration.view import View
from tasks.vocabulary import ViewName

VIEWS: dict[ViewName, View] = {view.name: view for view in (INK, PHOTO)}
