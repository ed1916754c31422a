print("one runs")
