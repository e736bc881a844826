package mail_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"

	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/internal/lab"
	"aftercare.dev/deploy/sandbox/mail"
)

const letter = "From: shop@shop.invalid\r\nTo: buyer@mail.invalid\r\nMessage-ID: <n1@shop.invalid>\r\n" +
	"Subject: =?utf-8?b?6YCA5qy+5oiQ5Yqf?=\r\nContent-Type: text/plain; charset=utf-8\r\n" +
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C2=A510 <script>alert(1)</script>\r\n"

// post is the provider under test, with its SMTP port.
type post struct {
	*lab.Lab
	t       *testing.T
	service *mail.Service
	addr    string
}

func newPost(t *testing.T) *post {
	p := &post{Lab: lab.New(t), t: t}
	p.open()
	return p
}

func (p *post) open() {
	p.t.Helper()
	service, err := mail.New(mail.Config{Dir: p.Dir, Clock: p.Clock, Faults: p.Faults, Logger: p.Logger})
	if err != nil {
		p.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- service.Serve(l) }()
	p.t.Cleanup(func() {
		_ = service.Close()
		_ = l.Close()
		<-served
	})
	p.service, p.addr = service, l.Addr().String()
}

func (p *post) send(to, content string) error {
	return smtp.SendMail(p.addr, nil, "shop@shop.invalid", []string{to}, []byte(content))
}

func (p *post) get(path string) (int, string) {
	mux := http.NewServeMux()
	p.service.Routes(mux, "/mail")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

type list struct {
	Messages []mail.Summary
	Total    int
}

func (p *post) list(to string) list {
	p.t.Helper()
	_, body := p.get("/mail/messages?to=" + to)
	var l list
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		p.t.Fatal(err)
	}
	return l
}

func TestAMailIsKeptAndCanBeRead(t *testing.T) {
	p := newPost(t)
	if err := p.send("Buyer@mail.invalid", letter); err != nil {
		t.Fatal(err)
	}
	if err := p.send("other@mail.invalid", letter); err != nil {
		t.Fatal(err)
	}
	l := p.list("buyer@mail.invalid")
	if l.Total != 1 || l.Messages[0].Subject != "退款成功" || l.Messages[0].MessageID != "<n1@shop.invalid>" {
		t.Fatalf("list %+v", l)
	}
	_, body := p.get("/mail/messages/" + l.Messages[0].ID)
	var m struct{ Text string }
	if err := json.Unmarshal([]byte(body), &m); err != nil || !strings.HasPrefix(m.Text, "¥10 <script>") {
		t.Fatalf("message %q, %v", m.Text, err)
	}
	if code, _ := p.get("/mail/messages/99"); code != http.StatusNotFound {
		t.Fatalf("unknown message: %d", code)
	}
}

func TestCopiesAreShown(t *testing.T) {
	p := newPost(t)
	for range 2 {
		if err := p.send("buyer@mail.invalid", letter); err != nil {
			t.Fatal(err)
		}
	}
	if l := p.list("buyer@mail.invalid"); l.Total != 2 || l.Messages[0].Copies != 2 {
		t.Fatalf("list %+v", l)
	}
	if _, page := p.get("/mail"); strings.Count(page, "2 copies") != 2 {
		t.Fatal("the page hides copies")
	}
}

func TestPagesAreEscaped(t *testing.T) {
	p := newPost(t)
	evil := strings.Replace(letter, "=?utf-8?b?6YCA5qy+5oiQ5Yqf?=", "<script>alert(2)</script>", 1)
	if err := p.send("buyer@mail.invalid", evil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/mail", "/mail/1", "/mail?to=%3Cscript%3E"} {
		if code, page := p.get(path); code != http.StatusOK || strings.Contains(page, "<script>") {
			t.Errorf("%s: %d %s", path, code, page)
		}
	}
}

func TestRules(t *testing.T) {
	tests := []struct {
		promise string
		rule    fault.Rule
		fails   bool
		code    int
		kept    int
	}{
		{"a refusal has the code that was asked for", fault.Rule{Effect: fault.Fail, Code: "550"}, true, 550, 0},
		{"a refusal is temporary by default", fault.Rule{Effect: fault.Fail}, true, 451, 0},
		{"a lost answer kept the mail", fault.Rule{Effect: fault.LoseAnswer}, true, 0, 1},
		{"a lost request kept nothing", fault.Rule{Effect: fault.LoseRequest}, true, 0, 0},
		{"a rule for another address does nothing", fault.Rule{Effect: fault.Fail, Match: map[string]string{"to": "x@y.invalid"}}, false, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			p := newPost(t)
			tt.rule.System = "mail"
			p.Rule(t, tt.rule)
			err := p.send("buyer@mail.invalid", letter)
			if (err != nil) != tt.fails {
				t.Fatalf("sending: %v", err)
			}
			var reply *textproto.Error
			if errors.As(err, &reply); tt.code != 0 && (reply == nil || reply.Code != tt.code) {
				t.Fatalf("sending: %v", err)
			}
			if l := p.list(""); l.Total != tt.kept {
				t.Fatalf("%d kept, want %d", l.Total, tt.kept)
			}
		})
	}
}

func TestMailSurvivesReopening(t *testing.T) {
	p := newPost(t)
	if err := p.send("buyer@mail.invalid", letter); err != nil {
		t.Fatal(err)
	}
	if err := p.service.Close(); err != nil {
		t.Fatal(err)
	}
	p.open()
	if err := p.send("buyer@mail.invalid", letter); err != nil {
		t.Fatal(err)
	}
	if l := p.list("buyer@mail.invalid"); l.Total != 2 || l.Messages[0].Copies != 2 {
		t.Fatalf("list %+v", l)
	}
	if _, body := p.get("/mail/messages/1"); !strings.Contains(body, "¥10") {
		t.Fatalf("content %q", body)
	}
}
