package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
)

// Listen reads the live progress of a case from its beginning until the case is closed.
func (c *Client) Listen(ctx context.Context, id string, tell func(cases.Entry)) error {
	return c.ListenAfter(ctx, id, 0, tell)
}

// ListenAfter is [Client.Listen] from the entry after the one of a number on, which is the version of the case at that time.
// It returns at once if the case is closed and there is no such entry.
func (c *Client) ListenAfter(ctx context.Context, id string, number int64, tell func(cases.Entry)) error {
	last := strconv.FormatInt(number, 10)
	answer, err := c.stream.StreamEvents(ctx, id, &api.StreamEventsParams{LastEventID: &last})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return httpclient.CheckStatus(answer.StatusCode, nil)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var entry cases.Entry
		if err := json.Unmarshal([]byte(data), &entry); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		tell(entry)
	}
	return lines.Err()
}
