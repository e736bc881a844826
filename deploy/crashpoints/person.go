package crashpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"aftercare.dev/deploy/client"
	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
)

// patience is how long somebody asks for the same thing, and waits for the same news. Several processes may die
// meanwhile, and what a dead worker held is given to the next only after ten seconds.
const patience = 3 * time.Minute

// person is somebody with a token, who asks again when nobody answers.
type person struct {
	url  string
	http *httpclient.Client
}

func newPerson(door client.Door, merchant, role, subject string) (*person, error) {
	token, err := door.Keys.Token(access.Principal{Subject: subject, MerchantID: merchant, Roles: []string{role}}, 24*time.Hour)
	if err != nil {
		return nil, err
	}
	return &person{url: door.URL, http: httpclient.New(httpclient.Options{
		BaseURL: door.URL, Token: config.Secret(token), Timeout: 30 * time.Second,
	})}, nil
}

// ask asks until somebody answers, and decodes a success into out unless that is nil. Bytes are sent as a photo, anything
// else as JSON. A refusal is a [*problem.Error].
func (p *person) ask(ctx context.Context, method, path, key string, body, out any) error {
	_, err := p.answer(ctx, method, path, key, body, out)
	return err
}

// answer is [person.ask] with the status of the success.
func (p *person) answer(ctx context.Context, method, path, key string, body, out any) (status int, err error) {
	content, contentType := []byte(nil), "application/json"
	switch body := body.(type) {
	case nil:
	case []byte:
		content, contentType = body, "image/png"
	default:
		if content, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	err = client.Persist(ctx, patience, func() error {
		request, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(content))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", contentType)
		if key != "" {
			request.Header.Set("Idempotency-Key", key)
		}
		status, err = p.once(request, out)
		return err
	})
	return status, err
}

func (p *person) once(request *http.Request, out any) (status int, err error) {
	answer, err := p.http.Do(request)
	if err != nil {
		return 0, err
	}
	said, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return 0, err
	}
	if err := httpclient.CheckStatus(answer.StatusCode, said); err != nil {
		return answer.StatusCode, err
	}
	if out == nil || len(said) == 0 {
		return answer.StatusCode, nil
	}
	return answer.StatusCode, json.Unmarshal(said, out)
}
