"""Boxes as they lie on this machine: COCO JSON, Pascal VOC and YOLO folders, rows of a table."""
