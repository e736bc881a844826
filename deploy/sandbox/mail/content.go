package mail

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
)

// maxDepth is how deep multiparts may be nested.
const maxDepth = 8

// headers reads what the list shows.
func headers(raw []byte) (messageID, subject string) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", ""
	}
	subject = m.Header.Get("Subject")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(subject); err == nil {
		subject = decoded
	}
	return m.Header.Get("Message-Id"), subject
}

// content finds the plain text and the HTML of a message.
func content(raw []byte) (text, html string) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return string(raw), ""
	}
	collect(textproto.MIMEHeader(m.Header), m.Body, &text, &html, 0)
	return text, html
}

func collect(h textproto.MIMEHeader, body io.Reader, text, html *string, depth int) {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && depth < maxDepth {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err != nil {
				return
			}
			collect(part.Header, part, text, html, depth+1)
		}
	}
	target := map[string]*string{"text/plain": text, "text/html": html}[kind]
	if target == nil || *target != "" {
		return
	}
	decoded, err := io.ReadAll(decoder(h.Get("Content-Transfer-Encoding"), body))
	if err != nil && len(decoded) == 0 {
		return
	}
	*target = strings.ToValidUTF8(string(decoded), "\uFFFD")
}

func decoder(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}
