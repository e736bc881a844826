// Package http implements the public contract: it knows who asks, asks the services and the workflows, and holds no
// rules of after-sales of its own.
package http

import (
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"go.temporal.io/sdk/client"

	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	notification "aftercare.dev/services/notification/api"
	order "aftercare.dev/services/order/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/problem"
)

//go:embed catalog/*.json
var catalog embed.FS

// Catalog has the titles of the gateway's own problems, for httpserver.
func Catalog() fs.FS {
	sub, err := fs.Sub(catalog, "catalog")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return sub
}

// Codes of the gateway's own problems, beside those of the platform, the workflows and the services.
const (
	// CodeNoParcel is a case that has no parcel to follow.
	CodeNoParcel = "no_parcel"
	// CodeCasePaused is a case whose workflow an operator has paused.
	CodeCasePaused = "case_paused"
	// CodeNotOpened is a filing that was refused before, under the same key.
	CodeNotOpened = "not_opened"
	// CodeTooManyStreams is one stream more than a subject may have open.
	CodeTooManyStreams = "too_many_streams"
	// CodeCallbackRefused is a callback in a form that no provider uses.
	CodeCallbackRefused = "callback_refused"
)

// Services are clients of the systems of record.
type Services struct {
	Order        order.ClientWithResponsesInterface
	Cases        cases.ClientWithResponsesInterface
	Logistics    logistics.ClientWithResponsesInterface
	Payment      payment.ClientWithResponsesInterface
	Notification notification.ClientWithResponsesInterface
}

// Dependencies are what the handlers work with; all are required.
type Dependencies struct {
	Services Services
	Temporal client.Client
	// Spec is the public contract; single lines of a bulk are checked against it.
	Spec *openapi3.T
	// Problems writes the problems of single lines.
	Problems *problem.Renderer
	Log      *slog.Logger
	Now      func() time.Time
	Limits   Limits
}

// Limits are how long the gateway waits for workflows and how many streams a subject may have.
type Limits struct {
	// Open bounds the wait for the judgement of a new case; after it the answer is 202.
	Open time.Duration
	// Act bounds the wait for the effect of an action; after it the answer is 202.
	Act time.Duration
	// Streams is how many event streams may be open in this process, StreamsPerSubject how many of them a subject may have.
	Streams, StreamsPerSubject int
}

// Handlers implements api.StrictServerInterface.
type Handlers struct {
	Dependencies
	lines   *lineChecker
	streams *streams
	known   known
}

var _ api.StrictServerInterface = (*Handlers)(nil)

// New returns the handlers; it fails only on a contract that lacks what they need.
func New(d Dependencies) (*Handlers, error) {
	lines, err := newLineChecker(d.Spec)
	if err != nil {
		return nil, err
	}
	return &Handlers{Dependencies: d, lines: lines, streams: newStreams(d.Limits.Streams, d.Limits.StreamsPerSubject), known: newKnown()}, nil
}
