package mail

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
)

// pageSize is how many messages a page of the inbox shows.
const pageSize = 100

// Routes registers the inbox below prefix: pages for people, JSON for tests.
func (s *Service) Routes(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix, func(w http.ResponseWriter, r *http.Request) { s.serveInbox(w, r, prefix) })
	mux.HandleFunc("GET "+prefix+"/{id}", func(w http.ResponseWriter, r *http.Request) { s.serveMessage(w, r, prefix) })
	mux.HandleFunc("GET "+prefix+"/messages", s.serveList)
	mux.HandleFunc("GET "+prefix+"/messages/{id}", s.serveGet)
}

func number(s string, otherwise int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

func (s *Service) serveList(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	messages, total := s.List(q.Get("to"), number(q.Get("offset"), 0), min(number(q.Get("limit"), 1000), 1000))
	writeJSON(w, http.StatusOK, map[string]any{"messages": messages, "total": total})
}

// message is a message with its content in JSON.
type message struct {
	Summary
	Text string `json:"text"`
	HTML string `json:"html,omitempty"`
	Raw  string `json:"raw"`
}

func (s *Service) read(w http.ResponseWriter, id string) (message, bool) {
	summary, raw, ok, err := s.Get(id)
	switch {
	case err != nil:
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return message{}, false
	case !ok:
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such message"})
		return message{}, false
	}
	m := message{Summary: summary, Raw: string(raw)}
	m.Text, m.HTML = content(raw)
	return m, true
}

func (s *Service) serveGet(w http.ResponseWriter, r *http.Request) {
	if m, ok := s.read(w, r.PathValue("id")); ok {
		writeJSON(w, http.StatusOK, m)
	}
}

func (s *Service) serveMessage(w http.ResponseWriter, r *http.Request, prefix string) {
	if m, ok := s.read(w, r.PathValue("id")); ok {
		s.page(w, "message", map[string]any{"Prefix": prefix, "Message": m})
	}
}

func (s *Service) serveInbox(w http.ResponseWriter, r *http.Request, prefix string) {
	to := r.URL.Query().Get("to")
	_, total := s.List(to, 0, 0)
	end := total - number(r.URL.Query().Get("before"), 0)
	start := max(0, end-pageSize)
	messages, _ := s.List(to, start, max(0, end-start))
	newestFirst := make([]Summary, 0, len(messages))
	for i := len(messages) - 1; i >= 0; i-- {
		newestFirst = append(newestFirst, messages[i])
	}
	s.page(w, "inbox", map[string]any{
		"Prefix": prefix, "To": to, "Messages": newestFirst, "Total": total, "Older": start > 0, "Before": total - start,
	})
}

func (s *Service) page(w http.ResponseWriter, name string, data any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		s.cfg.Logger.Warn("sandbox: mail page", "error", err)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // our own values encode, and a reader that left is not our concern
}

var pages = template.Must(template.New("").Parse(`
{{define "head"}}<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Sandbox mail</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f6f6;padding:1rem}a{color:#0645ad}.copies{color:#a40000}
dt{font-weight:600}dd{margin:0 0 .5rem}input{font:inherit;padding:.2rem .4rem}
</style></head><body>{{end}}

{{define "inbox"}}{{template "head"}}<h1>Mail</h1>
<form action="{{.Prefix}}" method="get"><label>To <input name="to" type="email" value="{{.To}}"></label> <button>Show</button></form>
<p>{{.Total}} messages{{if .To}} to {{.To}}{{end}}, newest first.</p>
<table><thead><tr><th>Time</th><th>To</th><th>Subject</th><th></th></tr></thead><tbody>
{{range .Messages}}<tr><td>{{.Time.UTC.Format "2006-01-02 15:04:05"}}</td><td>{{range .To}}{{.}} {{end}}</td>
<td><a href="{{$.Prefix}}/{{.ID}}">{{or .Subject "(no subject)"}}</a></td>
<td>{{if gt .Copies 1}}<span class="copies">{{.Copies}} copies</span>{{end}}</td></tr>
{{else}}<tr><td colspan="4">Nothing yet.</td></tr>{{end}}</tbody></table>
{{if .Older}}<p><a href="{{.Prefix}}?to={{.To}}&amp;before={{.Before}}">Older</a></p>{{end}}
</body></html>{{end}}

{{define "message"}}{{template "head"}}<p><a href="{{.Prefix}}">All mail</a></p>{{with .Message}}
<h1>{{or .Subject "(no subject)"}}</h1>
<dl><dt>From</dt><dd>{{.From}}</dd><dt>To</dt><dd>{{range .To}}{{.}} {{end}}</dd>
<dt>Time</dt><dd>{{.Time.UTC.Format "2006-01-02 15:04:05"}} UTC</dd>
<dt>Message-ID</dt><dd>{{.MessageID}}{{if gt .Copies 1}} <span class="copies">{{.Copies}} copies</span>{{end}}</dd></dl>
{{if .Text}}<pre>{{.Text}}</pre>{{else}}<pre>{{.HTML}}</pre>{{end}}
<details><summary>Source</summary><pre>{{.Raw}}</pre></details>{{end}}
</body></html>{{end}}
`))
