"""Where `pulumi up` begins."""

from program import main

main()
