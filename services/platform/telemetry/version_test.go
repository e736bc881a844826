package telemetry

import "testing"

func TestTheStampOfTheBuildIsTheVersion(t *testing.T) {
	before := version
	t.Cleanup(func() { version = before })
	version = ""
	if Version() == "" {
		t.Error("a build without a stamp has no version")
	}
	version = "v1.2.3"
	if Version() != "v1.2.3" {
		t.Error(Version())
	}
}
