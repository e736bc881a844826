# Reads `go test -v` and prints what `go test` would: a line for each package, and all the output of one that
# failed. Tests that were skipped are listed at the end, and are a failure.

/^ *--- SKIP/ { skipping = skipping $0 "\n" }
/^(ok  |\?   )\t/ { done($0 "\n") ; next }
/^FAIL\t/ { done(output $0 "\n"); failed = 1; next }
{ output = output $0 "\n" }

function done(text) {
	printf "%s", text
	fflush()
	if (skipping) skipped = skipped $2 "\n" skipping
	output = skipping = ""
}

END {
	if (skipped) printf "%sFAIL\twith CI=true no test may be skipped\n", skipped
	exit (failed || skipped != "")
}
