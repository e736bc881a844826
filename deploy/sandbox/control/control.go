// Package control is the HTTP API by which tests and demos tell the sandbox to
// misbehave, and steer what a carrier would decide.
package control

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"aftercare.dev/deploy/sandbox/carrier"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/insurer"
	"aftercare.dev/deploy/sandbox/payment"
	"aftercare.dev/deploy/sandbox/schedule"
)

// Control serves the API.
type Control struct {
	Clock   *schedule.Scheduler
	Faults  *fault.Set
	Payment *payment.Service
	Carrier *carrier.Service
	Insurer *insurer.Service
	// Journals is the folder with the journals of the systems.
	Journals string
}

// Routes registers the API below prefix. Browsers of other origins are kept
// out: the API has no password, and a web page must not press its buttons.
func (c *Control) Routes(mux *http.ServeMux, prefix string) {
	own := http.NewServeMux()
	own.HandleFunc("GET "+prefix+"/rules", c.listRules)
	own.HandleFunc("POST "+prefix+"/rules", c.addRule)
	own.HandleFunc("DELETE "+prefix+"/rules", c.reset)
	own.HandleFunc("DELETE "+prefix+"/rules/{id}", c.deleteRule)
	own.HandleFunc("POST "+prefix+"/reset", c.reset)
	own.HandleFunc("GET "+prefix+"/clock", c.clock)
	own.HandleFunc("POST "+prefix+"/parcels/{number}", c.steer)
	own.HandleFunc("GET "+prefix+"/payment/balance", c.getBalance)
	own.HandleFunc("PUT "+prefix+"/payment/balance", c.setBalance)
	own.HandleFunc("POST "+prefix+"/payment/refunds", c.refundOutside)
	own.HandleFunc("POST "+prefix+"/payment/refunds/{out_refund_no}/return", c.returnRefund)
	own.HandleFunc("GET "+prefix+"/insurer/callback", c.getCallback)
	own.HandleFunc("PUT "+prefix+"/insurer/callback", c.setCallback)
	own.HandleFunc("POST "+prefix+"/insurer/expire-tokens", c.expireTokens)
	own.HandleFunc("GET "+prefix+"/journal/{system}", c.journal)
	mux.Handle(prefix+"/", http.NewCrossOriginProtection().Handler(own))
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // our own values encode, and a reader that left is not our concern
	}
}

func fail(w http.ResponseWriter, status int, err error) {
	write(w, status, map[string]string{"error": err.Error()})
}

// done answers 204, or 500 if the journal did not take the change.
func done(w http.ResponseWriter, err error) {
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// read decodes the body strictly: a misspelt field is a test that tests
// nothing.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		_, err = dec.Token()
		if errors.Is(err, io.EOF) {
			return true
		}
		err = errors.New("one JSON object is wanted")
	}
	fail(w, http.StatusBadRequest, err)
	return false
}

// journal answers with a system's journal as it is on disk, for whoever has to know the truth and not the folder.
func (c *Control) journal(w http.ResponseWriter, r *http.Request) {
	system := r.PathValue("system")
	switch system {
	case "payment", "carrier", "insurer":
		w.Header().Set("Content-Type", "application/x-ndjson")
		http.ServeFile(w, r, filepath.Join(c.Journals, system+".ndjson"))
	default:
		fail(w, http.StatusNotFound, errors.New("there are journals of payment, carrier and insurer"))
	}
}

func (c *Control) listRules(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"rules": c.Faults.List()})
}

func (c *Control) addRule(w http.ResponseWriter, r *http.Request) {
	var rule fault.Rule
	if !read(w, r, &rule) {
		return
	}
	kept, err := c.Faults.Add(rule)
	switch {
	case errors.Is(err, fault.ErrInvalid):
		fail(w, http.StatusUnprocessableEntity, err)
	case err != nil:
		fail(w, http.StatusInternalServerError, err)
	default:
		write(w, http.StatusCreated, kept)
	}
}

func (c *Control) deleteRule(w http.ResponseWriter, r *http.Request) {
	found, err := c.Faults.Delete(r.PathValue("id"))
	if !found {
		fail(w, http.StatusNotFound, errors.New("no such rule"))
		return
	}
	done(w, err)
}

func (c *Control) reset(w http.ResponseWriter, _ *http.Request) { done(w, c.Faults.Reset()) }

func (c *Control) clock(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{
		"time_scale": c.Clock.Scale(), "now": c.Clock.Now().UTC().Format(time.RFC3339Nano), "pending": c.Clock.Pending(),
	})
}

func (c *Control) steer(w http.ResponseWriter, r *http.Request) {
	var body struct {
		State string `json:"state"`
	}
	if !read(w, r, &body) {
		return
	}
	err := c.Carrier.Steer(r.PathValue("number"), body.State)
	switch {
	case errors.Is(err, carrier.ErrUnknownParcel):
		fail(w, http.StatusNotFound, err)
	case errors.Is(err, carrier.ErrCannotMove):
		fail(w, http.StatusConflict, err)
	default:
		done(w, err)
	}
}

type balance struct {
	MchID  string `json:"mchid"`
	Amount *int64 `json:"amount"` // minor units; null: unlimited
}

func (c *Control) getBalance(w http.ResponseWriter, r *http.Request) {
	b := balance{MchID: r.URL.Query().Get("mchid")}
	if amount, limited := c.Payment.Balance(b.MchID); limited {
		b.Amount = &amount
	}
	write(w, http.StatusOK, b)
}

func (c *Control) setBalance(w http.ResponseWriter, r *http.Request) {
	var b balance
	if !read(w, r, &b) {
		return
	}
	amount := int64(-1)
	if b.Amount != nil {
		amount = *b.Amount
	}
	if b.MchID == "" || (b.Amount != nil && amount < 0) {
		fail(w, http.StatusUnprocessableEntity, errors.New("mchid and an amount of at least 0, or null, are wanted"))
		return
	}
	done(w, c.Payment.SetBalance(b.MchID, amount))
}

func (c *Control) refundOutside(w http.ResponseWriter, r *http.Request) {
	var body payment.Outside
	if !read(w, r, &body) {
		return
	}
	refund, err := c.Payment.RefundOutside(body)
	answerRefund(w, http.StatusCreated, refund, err)
}

func (c *Control) returnRefund(w http.ResponseWriter, r *http.Request) {
	var body struct {
		MchID string `json:"mchid"`
	}
	if !read(w, r, &body) {
		return
	}
	refund, err := c.Payment.Return(body.MchID, r.PathValue("out_refund_no"))
	answerRefund(w, http.StatusOK, refund, err)
}

func answerRefund(w http.ResponseWriter, status int, refund payment.Refund, err error) {
	switch {
	case errors.Is(err, payment.ErrUnknownRefund):
		fail(w, http.StatusNotFound, err)
	case errors.Is(err, payment.ErrNotPaid):
		fail(w, http.StatusConflict, err)
	case errors.Is(err, payment.ErrRefused):
		fail(w, http.StatusUnprocessableEntity, err)
	case err != nil:
		fail(w, http.StatusInternalServerError, err)
	default:
		write(w, status, refund)
	}
}

func (c *Control) getCallback(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, c.Insurer.CallbackTarget())
}

func (c *Control) setCallback(w http.ResponseWriter, r *http.Request) {
	var target insurer.Callback
	if !read(w, r, &target) {
		return
	}
	u, err := url.Parse(target.URL)
	if target.URL != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		fail(w, http.StatusUnprocessableEntity, errors.New("url must be absolute"))
		return
	}
	switch target.Format {
	case "", "json", "xml":
		done(w, c.Insurer.SetCallback(target))
	default:
		fail(w, http.StatusUnprocessableEntity, errors.New("format is json or xml"))
	}
}

func (c *Control) expireTokens(w http.ResponseWriter, _ *http.Request) {
	done(w, c.Insurer.ExpireTokens())
}
