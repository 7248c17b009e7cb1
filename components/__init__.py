"""The plan as machines: libvirt, OpenWrt, Talos and Cilium as Pulumi components.

Every component is typed, keyword-only, parents its children and begins their names with its own.
None makes an address, a name of a machine or a text: those are the plan's and the renderers'.
"""
