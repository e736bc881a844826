package http

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/problem"
)

const (
	// maxLine is the longest line of a bulk, in bytes.
	maxLine = 1 << 20
	// inFlight is how many lines of a bulk are stored at once. The answers keep the order of the lines.
	inFlight = 4
	// lineTimeout is how long a client may take to send a line, or to read an answer.
	lineTimeout = 30 * time.Second
)

// PutOrders stores many orders, one a line, and answers line by line while it reads. Nothing bounds the number of lines:
// at most a few of them are in memory at any moment.
func (h *Handlers) PutOrders(ctx context.Context, r api.PutOrdersRequestObject) (api.PutOrdersResponseObject, error) {
	return bulk(func(w http.ResponseWriter) error { return h.putLines(ctx, w, r.Body) }), nil
}

// bulk reads the request and writes the answer at the same time.
type bulk func(http.ResponseWriter) error

// VisitPutOrdersResponse implements api.PutOrdersResponseObject.
func (b bulk) VisitPutOrdersResponse(w http.ResponseWriter) error { return b(w) }

// result is one line of the answer.
type result struct {
	OrderID string          `json:"order_id,omitempty"`
	Version int64           `json:"version,omitempty"`
	Result  string          `json:"result,omitempty"`
	Problem json.RawMessage `json:"problem,omitempty"`
}

func (h *Handlers) putLines(ctx context.Context, w http.ResponseWriter, body io.Reader) error {
	control := http.NewResponseController(w)
	// Without it HTTP/1 stops reading at the first byte of the answer. HTTP/2 and recorders in tests need no telling.
	_ = control.EnableFullDuplex()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The queue holds the answers to come in the order of their lines; its length bounds what is in flight.
	queue := make(chan chan result, inFlight)
	reading := make(chan error, 1)
	go func() {
		defer close(queue)
		stop := context.AfterFunc(ctx, func() { _ = control.SetReadDeadline(time.Now()) })
		defer stop()
		reading <- h.readLines(ctx, readerFunc(func(b []byte) (int, error) { return patientRead(ctx, control, body, b) }), queue)
	}()
	encoder := json.NewEncoder(w)
	for answer := range queue {
		_ = control.SetWriteDeadline(time.Now().Add(lineTimeout))
		if err := encoder.Encode(<-answer); err != nil {
			cancel()
			drain(queue)
			return fmt.Errorf("answer a line: %w", err)
		}
		if len(queue) == 0 {
			if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
				cancel()
				drain(queue)
				return fmt.Errorf("answer a line: %w", err)
			}
		}
	}
	if err := <-reading; err != nil {
		// The client must not take a part of the answer for the whole.
		h.Log.WarnContext(ctx, "a bulk ended early", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

func drain(queue <-chan chan result) {
	for answer := range queue {
		<-answer
	}
}

// readLines starts the work on each line until the body ends.
func (h *Handlers) readLines(ctx context.Context, body io.Reader, queue chan<- chan result) error {
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		line, err := nextLine(lines)
		tooLong := errors.Is(err, errLineTooLong)
		if err != nil && !tooLong && !errors.Is(err, io.EOF) {
			return err
		}
		if len(line) > 0 || tooLong {
			answer := make(chan result, 1)
			select {
			case queue <- answer:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			go func() {
				if tooLong {
					answer <- h.failed("", problem.TooLarge(maxLine))
					return
				}
				answer <- h.putLine(ctx, line)
			}()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

var errLineTooLong = errors.New("the line is too long")

// nextLine reads one line without the white space around it. Of a line that is too long nothing is kept, and the reader
// stands at its end.
func nextLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := r.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > maxLine+1; tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLineTooLong
		}
		return bytes.TrimSpace(line), err
	}
}

// putLine stores the order of one line.
func (h *Handlers) putLine(ctx context.Context, line []byte) result {
	orderID, order, err := h.lines.check(line)
	if err != nil {
		return h.failed(orderID, err)
	}
	stored, err := read(h.Services.Order.PutOrderWithBodyWithResponse(ctx, access.From(ctx).MerchantID, orderID, "application/json", bytes.NewReader(order)))
	if err != nil {
		return h.failed(orderID, err)
	}
	return result{OrderID: orderID, Version: stored.Version, Result: string(stored.Result)}
}

// failed is the answer to a line that was not stored. The problem is written as any other.
func (h *Handlers) failed(orderID string, err error) result {
	page := page{header: http.Header{}}
	if err := h.Problems.Write(&page, err, problem.Occasion{}); err != nil {
		return result{OrderID: orderID, Problem: json.RawMessage(`{"code":"internal","status":500,"title":"internal","type":"about:blank"}`)}
	}
	return result{OrderID: orderID, Problem: bytes.TrimSpace(page.Bytes())}
}

// page takes a problem document.
type page struct {
	bytes.Buffer
	header http.Header
}

// Header implements http.ResponseWriter.
func (p *page) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter; the status is in the document.
func (p *page) WriteHeader(int) {}

// readerFunc is a function that reads.
type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// patientRead gives the client time for each read, and no more; none once ctx has ended.
func patientRead(ctx context.Context, control *http.ResponseController, body io.Reader, b []byte) (int, error) {
	_ = control.SetReadDeadline(time.Now().Add(lineTimeout))
	// Only now: the deadline of somebody who ended ctx before would be overwritten.
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := body.Read(b)
	if err != nil {
		// The server watches the connection while the last answers are written; that has no deadline.
		_ = control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// lineChecker holds single lines against the contract, as the server holds bodies.
type lineChecker struct {
	order, id *openapi3.Schema
}

func newLineChecker(spec *openapi3.T) (*lineChecker, error) {
	path := spec.Paths.Value("/v1/orders/{order_id}")
	if path == nil || path.Put == nil || path.Put.RequestBody == nil || spec.Components.Schemas["ID"] == nil {
		return nil, errors.New("the contract has no body of putOrder to check lines with")
	}
	body := path.Put.RequestBody.Value.Content.Get("application/json")
	return &lineChecker{order: body.Schema.Value, id: spec.Components.Schemas["ID"].Value}, nil
}

// check takes the order id out of a line and returns the rest as it was sent.
func (c *lineChecker) check(line []byte) (orderID string, order []byte, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return "", nil, problem.Invalid("", "the line cannot be read as a JSON object")
	}
	if err := json.Unmarshal(members["order_id"], &orderID); err != nil || c.id.VisitJSON(orderID) != nil {
		return "", nil, problem.Invalid("order_id", "is required and must be an id of at most 64 letters, digits and _.:-")
	}
	delete(members, "order_id")
	if order, err = json.Marshal(members); err != nil {
		return orderID, nil, problem.Internal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(order))
	decoder.UseNumber()
	var content any
	if err := decoder.Decode(&content); err != nil {
		return orderID, nil, problem.Invalid("", "the line cannot be read as a JSON object")
	}
	if err := c.order.VisitJSON(content, openapi3.MultiErrors()); err != nil {
		return orderID, nil, httpserver.Explain(err)
	}
	return orderID, order, nil
}
