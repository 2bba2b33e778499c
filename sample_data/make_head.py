"""Write the synthetic head, which the plugin offers as a sample, to a file: make_head.py FILE."""

import sys

from mambaseg.data import write_image
from mambaseg.data.synthetic import head_volume

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python sample_data/make_head.py head.nrrd")
    write_image(head_volume(), sys.argv[1])
