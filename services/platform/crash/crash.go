// Package crash has the places where a test may have a process die, to prove that nothing is lost or done twice.
//
// In a normal build there are none: every function here is empty and compiled away. A build with the tag "crashpoints"
// reads CRASH_DIR, the folder of this process. Each place that the process passes has a file in its folder "passed", which
// grows by a byte each time; one whose file is in "armed" removes it and kills the process by SIGKILL. Removing it is the
// claim, so that a point fires once, whoever passes it first. What an armed file says is how many passes it lets go by.
// Points that are passed while the process is dying do not fire: they stay armed for its next life.
//
// A point is named by what is done and the place in it: "payment/store.Store.Reserve@commit.after". The places are
// shared seams, so that whatever is written later passes them, too.
package crash

// Place is where in an operation a point is.
type Place string

// The places.
const (
	// BeforeCommit is when all of a transaction is done but the commit, and AfterCommit right after it.
	BeforeCommit Place = "commit.before"
	AfterCommit  Place = "commit.after"
	// BeforeStatement and AfterStatement are around a write that is a transaction of its own.
	BeforeStatement Place = "statement.before"
	AfterStatement  Place = "statement.after"
	// BeforeCall is when another process or a provider is about to be asked, and AfterCall when it answered.
	BeforeCall Place = "call.before"
	AfterCall  Place = "call.after"
	// BeforeAnswer is when a request is done and nobody was told.
	BeforeAnswer Place = "answer.before"
	// BeforeActivity and AfterActivity are around an activity; Temporal hears of its end only after that.
	BeforeActivity Place = "activity.before"
	AfterActivity  Place = "activity.after"
	// BeforeRPC and AfterRPC are around what is written to Temporal.
	BeforeRPC Place = "rpc.before"
	AfterRPC  Place = "rpc.after"
	// BeforeDelivery and AfterDelivery are around the delivery of a message of the outbox.
	BeforeDelivery Place = "delivery.before"
	AfterDelivery  Place = "delivery.after"
	// BeforeBlob and AfterBlob are around the writing of a file.
	BeforeBlob Place = "blob.before"
	AfterBlob  Place = "blob.after"
)

// Point is a place of an operation, as files are named by it.
func Point(operation string, place Place) string { return operation + "@" + string(place) }
