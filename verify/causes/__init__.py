"""The causes of what a verification found, each by a look at just what is wrong.

One module judges each kind of fault, purely, by what a witness can see; where nothing was found,
nothing is looked at.
"""
