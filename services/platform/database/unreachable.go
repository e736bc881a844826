package database

import (
	"database/sql/driver"
	"errors"
	"net"

	driversql "github.com/go-sql-driver/mysql"
)

// What a server of the MySQL family says while it starts, stops, or has no connection left.
const (
	tooManyConnections = 1040
	shuttingDown       = 1053
)

// Unreachable tells whether an error says that the server is not there at the moment, so that waiting may help.
func Unreachable(err error) bool {
	var network *net.OpError
	if errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, driversql.ErrInvalidConn) {
		return true
	}
	var said *driversql.MySQLError
	return errors.As(err, &said) && (said.Number == tooManyConnections || said.Number == shuttingDown)
}
