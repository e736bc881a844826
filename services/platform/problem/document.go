package problem

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// typeBase is where each code is documented.
const typeBase = "https://aftercare.dev/problems/"

// document is a problem on the wire, without the further members.
type document struct {
	Type     string       `json:"type"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail,omitempty"`
	Instance string       `json:"instance,omitempty"`
	Code     string       `json:"code"`
	Errors   []FieldError `json:"errors,omitempty"`
	TraceID  string       `json:"trace_id,omitempty"`
}

// members are the names that Meta cannot take.
var members = []string{"type", "title", "status", "detail", "instance", "code", "errors", "trace_id"}

// marshal joins the document and the further members in one object.
func (d document) marshal(meta map[string]any) ([]byte, error) {
	if len(meta) == 0 {
		return json.Marshal(d)
	}
	plain, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	all := make(map[string]json.RawMessage, len(meta)+len(members))
	for key, value := range meta {
		if all[key], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	own := make(map[string]json.RawMessage, len(members))
	if err := json.Unmarshal(plain, &own); err != nil {
		return nil, err
	}
	for _, name := range members {
		delete(all, name)
	}
	maps.Copy(all, own)
	return json.Marshal(all)
}

// Decode reads the problem that another service answered. An answer that is no problem document,
// such as a proxy's page, becomes the problem of its status, so that the result is never nil.
// Numbers in Meta are json.Number-free float64, as encoding/json gives them.
func Decode(status int, body []byte) *Error {
	var d document
	if err := json.Unmarshal(body, &d); err != nil || (d.Code == "" && d.Type == "" && d.Title == "") {
		return OfStatus(status, "the answer has no problem document")
	}
	e := &Error{
		Status: status,
		Code:   cmp.Or(d.Code, strings.TrimPrefix(d.Type, typeBase)),
		Title:  d.Title,
		Detail: d.Detail,
		Errors: d.Errors,
	}
	if e.Code == "" || e.Code == "about:blank" {
		e.Code = codeOf(status)
	}
	var all map[string]any
	if json.Unmarshal(body, &all) != nil {
		return e
	}
	for _, name := range members {
		delete(all, name)
	}
	if len(all) > 0 {
		e.Meta = all
	}
	return e
}

// Occasion is what a problem document tells about the one request that met the problem.
type Occasion struct {
	// Languages is the request's header Accept-Language.
	Languages string
	// Instance identifies the occurrence, as a URI reference.
	Instance string
	// TraceID leads from a complaint to the trace and the logs.
	TraceID string
}

// Write answers with the problem that err is or means. What is not a problem is "internal" and
// says nothing of its cause.
func (r *Renderer) Write(w http.ResponseWriter, err error, at Occasion) error {
	e := From(err)
	if e.Status < http.StatusBadRequest || e.Status > 599 {
		// What is no refusal cannot be answered as one, such as a redirect that another service gave.
		e = Internal(e)
	}
	title, language := r.title(e, at.Languages)
	d := document{
		Type: typeBase + e.Code, Title: title, Status: e.Status, Detail: e.Detail,
		Instance: at.Instance, Code: e.Code, Errors: e.Errors, TraceID: at.TraceID,
	}
	body, err := d.marshal(e.Meta)
	if err != nil {
		d.Detail = ""
		if body, err = d.marshal(nil); err != nil {
			return err
		}
	}
	header := w.Header()
	header.Del("Content-Length")
	header.Set("Content-Type", ContentType)
	header.Set("Content-Language", language)
	header.Add("Vary", "Accept-Language")
	w.WriteHeader(e.Status)
	_, err = w.Write(append(body, '\n'))
	return err
}
