"""What is to be run where there is an accelerator for a short while and no network: see docs/accelerator.md.

Every script needs torch, numpy, pyarrow and safetensors besides memest itself, stops in time, may be
interrupted at any moment, and goes on where it was when it is called again with the same folder.
"""
