NAME = "from __pypackages__"
