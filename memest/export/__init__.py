"""The findings of an audit as other projects read them: one file for each; importing this registers them."""

from memest.export import cleanlab as cleanlab
from memest.export import data_map as data_map
from memest.export import fiftyone as fiftyone
from memest.export import label_studio as label_studio
from memest.export import metadata as metadata
from memest.export import tables as tables
from memest.export.base import EXPORTS as EXPORTS
from memest.export.base import export as export
from memest.export.base import export_names as export_names
from memest.export.base import exported as exported
from memest.export.base import unpack as unpack
