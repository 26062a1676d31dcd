"""The files of a lab that hold its readings."""

JSON_FILE = "data/zigbee-data.json"
CSV_FILE = "data/zigbee-sensors.csv"
